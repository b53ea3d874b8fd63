import { LoaderCircle, type LucideIcon } from 'lucide-react'
import type { ComponentProps } from 'react'
import { classes } from './classes.ts'

type Look = 'primary' | 'secondary' | 'quiet' | 'danger'

const LOOKS: Record<Look, string> = {
  primary: 'bg-accent text-on-accent hover:bg-accent-strong border-transparent',
  secondary: 'bg-surface text-ink hover:bg-sunken border-edge',
  quiet: 'bg-transparent text-ink hover:bg-sunken border-transparent',
  danger: 'bg-bad-strong text-on-bad hover:opacity-90 border-transparent',
}

export const buttonClass = (look: Look = 'secondary', small = false) =>
  classes(
    'inline-flex items-center justify-center gap-2 rounded-lg border font-medium whitespace-nowrap no-underline',
    'transition-colors duration-150 aria-disabled:cursor-not-allowed aria-disabled:opacity-60',
    'disabled:cursor-not-allowed disabled:opacity-60',
    small ? 'min-h-8 px-2.5 text-[0.8125rem]' : 'min-h-9.5 px-3.5 text-sm',
    LOOKS[look],
  )

export type ButtonProps = ComponentProps<'button'> & {
  look?: Look
  small?: boolean
  icon?: LucideIcon
  /** Shows that the work is under way, and takes no other click. */
  busy?: boolean
}

export function Button({
  look,
  small = false,
  icon: Icon,
  busy = false,
  className,
  children,
  onClick,
  ...rest
}: ButtonProps) {
  const size = small ? 14 : 16
  return (
    <button
      type="button"
      {...rest}
      aria-disabled={busy || rest['aria-disabled'] || undefined}
      onClick={busy ? (event) => event.preventDefault() : onClick}
      className={classes(buttonClass(look, small), className)}
    >
      {busy ? (
        <LoaderCircle size={size} className="animate-spin" aria-hidden />
      ) : (
        Icon && <Icon size={size} aria-hidden />
      )}
      {children}
    </button>
  )
}
