import { UserRoundCheck } from 'lucide-react'
import { useState } from 'react'
import { ChangeButton } from '../../shell/role.tsx'
import { texts } from '../../texts.ts'
import { AssignDialog } from './assign-dialog.tsx'

/** Opens what assigns a customer or a subscription to a subject. */
export function AssignButton({ of }: { of: { customerId: string } | { subscriptionId: string } }) {
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <ChangeButton icon={UserRoundCheck} onClick={() => setOpen(true)}>
        {texts.owners.assign}
      </ChangeButton>
      {isOpen && <AssignDialog of={of} onClose={() => setOpen(false)} />}
    </>
  )
}
