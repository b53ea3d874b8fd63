import { createContext, type ReactNode, useContext } from 'react'
import { texts } from '../texts.ts'
import { Button, type ButtonProps } from '../ui/button.tsx'
import { Tooltip } from '../ui/tooltip.tsx'

/** Whether the viewer may change something. The server decides again for each request. */
export const useMayChange = () => useContext(RoleContext)

const RoleContext = createContext(false)

/** Says it to all that is inside, so that not each button has to ask for the session. */
export const Role = ({ mayChange, children }: { mayChange: boolean; children: ReactNode }) => (
  <RoleContext value={mayChange}>{children}</RoleContext>
)

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
