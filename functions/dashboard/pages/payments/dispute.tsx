import type { GetPaymentTransactionResponse } from '../../../../types/api.ts'
import { formatMoney } from '../../format/money.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { Fact, Facts } from '../../ui/facts.tsx'
import { Status } from '../../ui/status.tsx'
import { Time } from '../../ui/time.tsx'

const t = texts.payments

type DisputeProps = {
  dispute: NonNullable<GetPaymentTransactionResponse['dispute']>
  currency: string | null
}

export const Dispute = ({ dispute, currency }: DisputeProps) => (
  <Card title={t.disputeTitle} actions={<Status value={dispute.status} />}>
    <Facts>
      <Fact name={t.disputeAmount}>{formatMoney(dispute.amount, currency)}</Fact>
      <Fact name={t.disputeLost}>{formatMoney(dispute.amountLost, currency)}</Fact>
      <Fact name={t.disputedAt}>
        <Time at={dispute.disputedAt} as="long" />
      </Fact>
    </Facts>
  </Card>
)
