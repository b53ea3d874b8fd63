import { type ComponentProps, type ReactNode, useId } from 'react'
import { classes } from './classes.ts'

const control =
  'w-full min-w-0 rounded-lg border border-edge bg-surface px-3 text-ink text-sm placeholder:text-muted disabled:opacity-60'

type Labelled = { label: string; hint?: ReactNode; error?: string | null; hideLabel?: boolean }
type Wiring = { id: string; 'aria-describedby': string | undefined; 'aria-invalid': true | undefined }

/** The label, the hint and the error of a field, wired to it. */
function Field({
  label,
  hint,
  error,
  hideLabel = false,
  children,
}: Labelled & { children: (wiring: Wiring) => ReactNode }) {
  const id = useId()
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <label htmlFor={id} className={hideLabel ? 'sr-only' : 'font-medium text-sm'}>
        {label}
      </label>
      {children({
        id,
        'aria-describedby': hint || error ? `${id}-about` : undefined,
        'aria-invalid': error ? true : undefined,
      })}
      {(hint || error) && (
        <p id={`${id}-about`} className={classes('text-xs', error ? 'font-medium text-bad' : 'text-muted')}>
          {error || hint}
        </p>
      )}
    </div>
  )
}

export function TextField({ label, hint, error, hideLabel, ...rest }: Labelled & ComponentProps<'input'>) {
  return (
    <Field label={label} hint={hint} error={error} hideLabel={hideLabel}>
      {(wiring) => (
        <input type="text" autoComplete="off" {...rest} {...wiring} className={classes(control, 'h-9.5')} />
      )}
    </Field>
  )
}

export function TextArea({ label, hint, error, hideLabel, ...rest }: Labelled & ComponentProps<'textarea'>) {
  return (
    <Field label={label} hint={hint} error={error} hideLabel={hideLabel}>
      {(wiring) => <textarea rows={3} {...rest} {...wiring} className={classes(control, 'py-2')} />}
    </Field>
  )
}

export function SelectField({
  label,
  hint,
  error,
  hideLabel,
  options,
  ...rest
}: Labelled & ComponentProps<'select'> & { options: [value: string, shown: string][] }) {
  return (
    <Field label={label} hint={hint} error={error} hideLabel={hideLabel}>
      {(wiring) => (
        <select {...rest} {...wiring} className={classes(control, 'h-9.5 pr-8')}>
          {options.map(([value, shown]) => (
            <option key={value} value={value}>
              {shown}
            </option>
          ))}
        </select>
      )}
    </Field>
  )
}

export function CheckField({ label, hint, ...rest }: Labelled & ComponentProps<'input'>) {
  const id = useId()
  return (
    <div className="flex items-start gap-2.5">
      <input
        type="checkbox"
        {...rest}
        id={id}
        aria-describedby={hint ? `${id}-about` : undefined}
        className="mt-0.5 size-4.5 shrink-0 accent-accent"
      />
      <div className="min-w-0">
        <label htmlFor={id} className="text-sm">
          {label}
        </label>
        {hint && (
          <p id={`${id}-about`} className="text-muted text-xs">
            {hint}
          </p>
        )}
      </div>
    </div>
  )
}
