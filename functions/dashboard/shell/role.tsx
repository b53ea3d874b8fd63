import { useSession } from '../api/session.ts'
import { texts } from '../texts.ts'
import { Button, type ButtonProps } from '../ui/button.tsx'
import { Tooltip } from '../ui/tooltip.tsx'

/** Whether the viewer may change something. The server decides again for each request. */
export function useMayChange(): boolean {
  return useSession().data?.session?.role === 'admin'
}

/** A button that changes something. For a viewer who may only read it does nothing and says why. */
export function ChangeButton(props: ButtonProps) {
  const mayChange = useMayChange()
  if (mayChange) return <Button {...props} />
  return (
    <Tooltip text={texts.shell.readOnlyReason}>
      <Button {...props} type="button" aria-disabled onClick={(event) => event.preventDefault()} />
    </Tooltip>
  )
}
