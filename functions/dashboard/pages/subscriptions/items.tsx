import type { GetStripeSubscriptionResponse } from '../../../../types/api.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { AppLink } from '../../ui/link.tsx'
import { priceText } from '../../ui/price-text.ts'
import { Cell, Row, SimpleTable } from '../../ui/simple-table.tsx'
import { Time } from '../../ui/time.tsx'

const t = texts.subscriptions

/** What the subscription is made of; each item may have a period of its own. */
export function Items({ data: { subscription, products, prices } }: { data: GetStripeSubscriptionResponse }) {
  const { environment, items } = subscription
  return (
    <Card title={t.items} flush>
      <SimpleTable
        label={t.items}
        headers={[
          { name: t.product },
          { name: t.price },
          { name: t.quantity, align: 'end' },
          { name: t.periodEnd, align: 'end' },
        ]}
      >
        {items.map(({ subscriptionItemId, productId, priceId, quantity, currentPeriodEnd }) => {
          const price = prices.find((found) => found.priceId === priceId)
          const product = products.find((found) => found.productId === productId)
          return (
            <Row key={subscriptionItemId}>
              <Cell>
                {productId ? (
                  <AppLink to={`/${environment}/catalogue/${encodeURIComponent(productId)}`}>
                    {product?.name ?? productId}
                  </AppLink>
                ) : (
                  '–'
                )}
              </Cell>
              <Cell>{price ? priceText(price) : priceId}</Cell>
              <Cell align="end">{quantity ?? '–'}</Cell>
              <Cell align="end">
                <Time at={currentPeriodEnd} />
              </Cell>
            </Row>
          )
        })}
      </SimpleTable>
    </Card>
  )
}
