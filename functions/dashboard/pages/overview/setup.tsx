import { Check } from 'lucide-react'
import type { EnvironmentOverview, SetupStep as Step } from '../../../../types/api.ts'
import { useEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { buttonClass } from '../../ui/button.tsx'
import { Card } from '../../ui/card.tsx'
import { classes } from '../../ui/classes.ts'
import { AppLink } from '../../ui/link.tsx'

const PLACES: Record<string, string> = {
  key: 'settings',
  webhook: 'settings',
  sync: 'sync',
  checkout: 'catalogue',
}

/** What leads from an empty database to the first payment; gone once it is done. */
export function Setup({ overview }: { overview: EnvironmentOverview | undefined }) {
  if (!overview || overview.setup.isDone) return null
  const { steps } = overview.setup
  const next = steps.find(({ isDone }) => !isDone)
  return (
    <Card title={texts.overview.setup} description={texts.overview.setupLead}>
      <ol className="flex flex-col">
        {steps.map((step, index) => (
          <SetupStep key={step.step} step={step} number={index + 1} isNext={step === next} />
        ))}
      </ol>
    </Card>
  )
}

function SetupStep({ step, number, isNext }: { step: Step; number: number; isNext: boolean }) {
  const environment = useEnvironment()
  return (
    <li className="flex gap-4 border-line border-t py-4 first:border-t-0 first:pt-1 last:pb-0">
      <span
        className={classes(
          'inline-flex size-7 shrink-0 items-center justify-center rounded-full font-semibold text-sm',
          step.isDone
            ? 'bg-good-soft text-good'
            : isNext
              ? 'bg-accent text-on-accent'
              : 'bg-sunken text-muted',
        )}
      >
        {step.isDone ? <Check size={15} aria-hidden /> : number}
      </span>
      <div className="min-w-0 flex-1">
        <p className="font-medium">
          {texts.overview.steps[step.step] ?? step.step}
          <span className="sr-only">
            {' '}
            ({step.isDone ? texts.overview.stepDone : texts.overview.stepOpen})
          </span>
        </p>
        <p className="text-muted text-sm">{step.isDone ? step.message : (step.nextAction ?? step.message)}</p>
      </div>
      {isNext && (
        <AppLink
          to={`/${environment}/${PLACES[step.step] ?? 'settings'}`}
          className={classes(buttonClass('primary'), 'self-center')}
        >
          {texts.overview.stepActions[step.step] ?? texts.overview.stepOpen}
        </AppLink>
      )}
    </li>
  )
}
