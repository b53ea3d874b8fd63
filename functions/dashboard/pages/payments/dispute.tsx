import type { PaymentTransaction } from '../../../../types/api.ts'
import { formatMoney } from '../../format/money.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { Fact, Facts } from '../../ui/facts.tsx'
import { Status } from '../../ui/status.tsx'
import { Time } from '../../ui/time.tsx'

const t = texts.payments

export const Dispute = ({ transaction }: { transaction: PaymentTransaction }) => (
  <Card title={t.disputeTitle} actions={<Status value={transaction.disputeStatus} />}>
    <Facts>
      <Fact name={t.disputeAmount}>{formatMoney(transaction.disputeAmount, transaction.currency)}</Fact>
      <Fact name={t.disputeLost}>{formatMoney(transaction.amountDisputed, transaction.currency)}</Fact>
      <Fact name={t.disputedAt}>
        <Time at={transaction.disputedAt} as="long" />
      </Fact>
    </Facts>
  </Card>
)
