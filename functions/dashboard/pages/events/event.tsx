import { useParams } from '@tanstack/react-router'
import { History, RotateCw } from 'lucide-react'
import type { GetWebhookEventResponse } from '../../../../types/api.ts'
import { humanise } from '../../format/number.ts'
import { useCall, useChange } from '../../hooks/use-call.ts'
import { useConfirm } from '../../shell/confirm.tsx'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { ChangeButton } from '../../shell/role.tsx'
import { texts } from '../../texts.ts'
import { Badge } from '../../ui/badge.tsx'
import { Boundary } from '../../ui/boundary.tsx'
import { Card } from '../../ui/card.tsx'
import { Id } from '../../ui/copy.tsx'
import { Fact, Facts } from '../../ui/facts.tsx'
import { AppLink } from '../../ui/link.tsx'
import { ErrorNote } from '../../ui/note.tsx'
import { Page } from '../../ui/page.tsx'
import { Skeleton } from '../../ui/skeleton.tsx'
import { Status } from '../../ui/status.tsx'
import { Time } from '../../ui/time.tsx'
import { Payload } from './payload.tsx'

const t = texts.events
type EventRecord = GetWebhookEventResponse['event']

export function EventPage() {
  const params = useParamsOfEnvironment()
  const { eventId } = useParams({ strict: false }) as { eventId: string }
  const { data, error, refetch } = useCall('getWebhookEvent', { params: { ...params, eventId } })
  const event = data?.event
  return (
    <Page
      title={event?.eventType ?? eventId}
      parent={<AppLink to={`/${params.environment}/events`}>{t.title}</AppLink>}
      aside={
        event &&
        (event.isDeadLettered ? (
          <Badge tone="bad">{t.dead}</Badge>
        ) : (
          <Status value={event.processingStatus} />
        ))
      }
      actions={event && <EventActions event={event} />}
    >
      {error && !event ? (
        <ErrorNote error={error} onRetry={() => void refetch()} />
      ) : !event ? (
        <Skeleton lines={8} />
      ) : (
        <Boundary resetKey={eventId}>
          <EventDetails event={event} />
        </Boundary>
      )}
    </Page>
  )
}

function EventActions({ event: { environment, eventId, processingStatus } }: { event: EventRecord }) {
  const ask = useConfirm()
  const retry = useChange('retryWebhookEvent', {
    done: ({ event, retried }) => (retried ? t.retried(humanise(event.processingStatus)) : t.notRetried),
  })
  const replay = useChange('replayWebhookEvents', {
    done: ({ replayed }) =>
      replayed[0] ? t.replayed(humanise(replayed[0].processingStatus)) : t.notReplayed,
  })
  const onReplay = async () => {
    if (await ask({ title: t.replayTitle, body: t.replayBody, action: t.replay }))
      replay.mutate({ params: { environment }, body: { eventId, includeProcessed: true } })
  }
  return (
    <>
      {processingStatus === 'failed' && (
        <ChangeButton
          look="primary"
          icon={RotateCw}
          busy={retry.isPending}
          onClick={() => retry.mutate({ params: { environment, eventId } })}
        >
          {t.retry}
        </ChangeButton>
      )}
      <ChangeButton icon={History} busy={replay.isPending} onClick={() => void onReplay()}>
        {t.replay}
      </ChangeButton>
      {(retry.error || replay.error) && (
        <div className="basis-full">
          <ErrorNote error={retry.error ?? replay.error} />
        </div>
      )}
    </>
  )
}

function EventDetails({ event }: { event: EventRecord }) {
  return (
    <>
      {event.lastError && (
        <Card title={t.error}>
          <p className="whitespace-pre-wrap break-words font-mono text-bad text-sm">{event.lastError}</p>
        </Card>
      )}
      <Card>
        <Facts>
          <Fact name={t.id}>
            <Id value={event.eventId} />
          </Fact>
          <Fact name={t.object}>{humanise(event.objectType)}</Fact>
          <Fact name={t.objectId}>
            <Id value={event.objectId} />
          </Fact>
          <Fact name={t.created}>
            <Time at={event.providerCreatedAt} as="long" />
          </Fact>
          <Fact name={t.received}>
            <Time at={event.receivedAt} as="long" />
          </Fact>
          <Fact name={t.processed}>
            <Time at={event.processedAt} as="long" />
          </Fact>
          <Fact name={t.attempts}>{event.attemptCount}</Fact>
          <Fact name={t.next}>
            <Time at={event.nextAttemptAt} as="long" />
          </Fact>
          <Fact name={t.account}>{event.accountId ?? texts.common.none}</Fact>
        </Facts>
        {event.objectId && (
          <p className="mt-4 text-sm">
            <AppLink to={`/${event.environment}/events`} search={{ objectId: event.objectId }}>
              {t.related}
            </AppLink>
          </p>
        )}
      </Card>
      <Payload payload={event.payload} />
    </>
  )
}
