import type { LucideIcon } from 'lucide-react'
import type { ComponentProps } from 'react'
import { classes } from './classes.ts'
import { Tooltip } from './tooltip.tsx'

type IconButtonProps = Omit<ComponentProps<'button'>, 'children'> & { icon: LucideIcon; label: string }

/** A button that shows an icon only; its name is in the tooltip and for screen readers. */
export function IconButton({ icon: Icon, label, className, ...rest }: IconButtonProps) {
  return (
    <Tooltip text={label}>
      <button
        type="button"
        {...rest}
        aria-label={label}
        className={classes(
          'inline-flex size-9 items-center justify-center rounded-lg text-muted hover:bg-sunken hover:text-ink',
          className,
        )}
      >
        <Icon size={18} aria-hidden />
      </button>
    </Tooltip>
  )
}
