import { texts } from '../../texts.ts'
import { CheckField, SelectField, TextArea, TextField } from '../../ui/field.tsx'
import { type OfferProblems, type OfferValues, OPTION_NAMES } from './offer-form.ts'

const t = texts.offers

type FieldsProps = {
  values: OfferValues
  problems: OfferProblems
  isNew: boolean
  onChange: (values: OfferValues) => void
}

type TextName = {
  [Name in keyof OfferValues]: OfferValues[Name] extends string ? Name : never
}[keyof OfferValues]
type FlagName = {
  [Name in keyof OfferValues]: OfferValues[Name] extends boolean ? Name : never
}[keyof OfferValues]
type Changed = { target: { value: string } }
type Checked = { target: { checked: boolean } }

/** What wires a field of the form to its value. */
function wiring({ values, problems, onChange }: FieldsProps) {
  return {
    text: (name: TextName) => ({
      label: t.fields[name],
      value: values[name],
      error: problems[name] ?? null,
      onChange: ({ target }: Changed) => onChange({ ...values, [name]: target.value }),
    }),
    flag: (name: FlagName) => ({
      label: t.fields[name],
      checked: values[name],
      onChange: ({ target }: Checked) => onChange({ ...values, [name]: target.checked }),
    }),
  }
}

export function OfferFields(props: FieldsProps) {
  return (
    <>
      <What {...props} />
      <Who {...props} />
      <When {...props} />
      <Options {...props} />
      <Amounts {...props} />
      <Plans {...props} />
    </>
  )
}

const PLACEHOLDERS = { priceId: 'price_…', lookupKey: 'team_monthly', productId: 'prod_…' }

function What(props: FieldsProps) {
  const { text, flag } = wiring(props)
  const { kind } = props.values
  return (
    <>
      <TextField
        {...text('offerId')}
        hint={t.idHint}
        disabled={!props.isNew}
        autoFocus={props.isNew}
        maxLength={100}
      />
      <div className="grid grid-cols-2 gap-3">
        <SelectField {...text('kind')} options={Object.entries(t.kinds)} />
        <TextField {...text('what')} placeholder={PLACEHOLDERS[kind]} maxLength={255} />
      </div>
      <div className="grid grid-cols-3 gap-3 max-sm:grid-cols-2">
        <SelectField {...text('mode')} options={Object.entries(t.modes)} />
        <TextField {...text('minimumQuantity')} type="number" min={1} max={999} />
        <TextField {...text('maximumQuantity')} type="number" min={1} max={999} />
      </div>
      <CheckField {...flag('active')} hint={t.activeHint} />
    </>
  )
}

function Who(props: FieldsProps) {
  const { text, flag } = wiring(props)
  return (
    <fieldset className="flex flex-col gap-2">
      <legend className="mb-2 font-medium text-sm">{t.who}</legend>
      <div className="flex flex-wrap gap-x-6 gap-y-2">
        <CheckField {...flag('authenticated')} />
        <CheckField {...flag('anon')} />
      </div>
      {props.problems.anon && <p className="font-medium text-bad text-xs">{props.problems.anon}</p>}
      <TextField {...text('subjectTypes')} hint={t.subjectTypesHint} placeholder="team, user" />
    </fieldset>
  )
}

function When(props: FieldsProps) {
  const { text } = wiring(props)
  return (
    <div className="grid grid-cols-2 gap-3 max-sm:grid-cols-1">
      <TextField {...text('startsAt')} type="datetime-local" />
      <TextField {...text('endsAt')} type="datetime-local" />
    </div>
  )
}

function Options(props: FieldsProps) {
  const { values, problems, onChange } = props
  const { text } = wiring(props)
  const toggle = (name: (typeof OPTION_NAMES)[number], isAllowed: boolean) =>
    onChange({
      ...values,
      allowedOptions: OPTION_NAMES.filter((each) =>
        each === name ? isAllowed : values.allowedOptions.includes(each),
      ),
    })
  return (
    <details
      open={problems.forcedOptions !== undefined || undefined}
      className="rounded-lg border border-line px-4 py-2.5"
    >
      <summary className="cursor-pointer font-medium text-sm">
        {t.options(values.allowedOptions.length)}
      </summary>
      <fieldset className="mt-3">
        <legend className="mb-2 text-muted text-xs">{t.allowedHint}</legend>
        <div className="grid grid-cols-2 gap-x-4 gap-y-1.5 max-sm:grid-cols-1">
          {OPTION_NAMES.map((name) => (
            <CheckField
              key={name}
              label={name}
              checked={values.allowedOptions.includes(name)}
              onChange={({ target }) => toggle(name, target.checked)}
            />
          ))}
        </div>
      </fieldset>
      <div className="mt-4">
        <TextArea
          {...text('forcedOptions')}
          hint={t.forcedHint}
          placeholder='{"automaticTax": true}'
          spellCheck={false}
        />
      </div>
    </details>
  )
}

function Amounts(props: FieldsProps) {
  const { text, flag } = wiring(props)
  const { allowPayWhatYouWant, allowPriceData } = props.values
  return (
    <div className="flex flex-col gap-2">
      <CheckField {...flag('allowPayWhatYouWant')} hint={t.payWhatYouWantHint} />
      <CheckField {...flag('allowPriceData')} hint={t.priceDataHint} />
      {(allowPayWhatYouWant || allowPriceData) && (
        <div className="grid grid-cols-3 gap-3">
          <TextField {...text('currency')} maxLength={3} placeholder="eur" />
          <TextField {...text('minimumAmount')} inputMode="decimal" placeholder="5.00" />
          <TextField {...text('maximumAmount')} inputMode="decimal" placeholder="500.00" />
        </div>
      )}
    </div>
  )
}

function Plans(props: FieldsProps) {
  const { text, flag } = wiring(props)
  return props.values.mode === 'payment' ? null : (
    <div className="flex flex-col gap-2">
      <TextField {...text('productGroup')} hint={t.groupHint} maxLength={100} placeholder="plans" />
      <CheckField {...flag('onePlan')} hint={t.onePlanHint} />
      <CheckField {...flag('trialOnce')} hint={t.trialOnceHint} />
    </div>
  )
}
