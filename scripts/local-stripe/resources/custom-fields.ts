/** Custom fields of a checkout session (https://docs.stripe.com/payments/checkout/custom-fields). */
import { invalidRequest } from '../core/errors.ts'
import {
  boolean,
  hash,
  type Infer,
  integer,
  list,
  oneOf,
  type Param,
  required,
  string,
} from '../core/params.ts'
import type { CheckoutSession } from '../core/types.ts'

type CustomField = NonNullable<CheckoutSession['custom_fields']>[number]

/** The characters that a text or a number may have. */
const LENGTH_MAX = 255
/** Text of letters and digits alone. */
function alphanumeric(max: number): Param<string> {
  const text = string(max)
  return {
    parse: (value, path) => {
      const content = text.parse(value, path)
      if (!/^[A-Za-z0-9]+$/.test(content))
        throw invalidRequest(`Invalid ${path}: must consist of letters and digits.`, { param: path })
      return content
    },
  }
}

const limitsShape = {
  default_value: string(LENGTH_MAX),
  maximum_length: integer({ min: 1, max: LENGTH_MAX }),
  minimum_length: integer({ min: 1, max: LENGTH_MAX }),
}
/** The parameter `custom_fields`. */
export const customFieldsShape = list(
  hash({
    key: required(alphanumeric(200)),
    label: required(hash({ custom: required(string(100)), type: required(oneOf('custom')) })),
    optional: boolean(),
    type: required(oneOf('dropdown', 'numeric', 'text')),
    dropdown: hash({
      default_value: string(100),
      options: required(
        list(hash({ label: required(string(100)), value: required(alphanumeric(100)) }), { max: 200 }),
      ),
    }),
    numeric: hash(limitsShape),
    text: hash(limitsShape),
  }),
  { max: 3 },
)

/** The fields of an open session, without values. */
export function customFieldsOf(
  sent: Infer<{ fields: typeof customFieldsShape }>['fields'],
): NonNullable<CheckoutSession['custom_fields']> {
  const keys = (sent ?? []).map(({ key }) => key)
  if (new Set(keys).size < keys.length) {
    throw invalidRequest('The keys of `custom_fields` must be unique.', { param: 'custom_fields' })
  }
  return (sent ?? []).map((field, place): CustomField => {
    const { key, label, optional = false, type } = field
    const base = { key, label, optional, type }
    if (type === 'dropdown') {
      if (!field.dropdown?.options.length) {
        const param = `custom_fields[${place}][dropdown][options]`
        throw invalidRequest(`Missing required param: ${param}.`, { code: 'parameter_missing', param })
      }
      const { default_value = null, options } = field.dropdown
      checkDropdown(options, default_value, `custom_fields[${place}][dropdown]`)
      return { ...base, dropdown: { default_value, options, value: null } }
    }
    const { default_value = null, maximum_length = null, minimum_length = null } = field[type] ?? {}
    checkLengths(default_value, minimum_length, maximum_length, `custom_fields[${place}][${type}]`)
    return { ...base, [type]: { default_value, maximum_length, minimum_length, value: null } }
  })
}

/** @throws 400 when two options have the same value, or the default value is that of none */
function checkDropdown(options: { value: string }[], preset: string | null, path: string): void {
  const values = options.map(({ value }) => value)
  const again = values.findIndex((value, place) => values.indexOf(value) < place)
  if (again >= 0) {
    throw invalidRequest(
      `Two options have the value ${values[again]}. Each option needs a value of its own.`,
      {
        param: `${path}[options][${again}][value]`,
      },
    )
  }
  if (preset !== null && !values.includes(preset)) {
    throw invalidRequest('The default value must be the `value` of one of the options.', {
      param: `${path}[default_value]`,
    })
  }
}

/** @throws 400 when no input can have both lengths, or the default value has another length */
function checkLengths(preset: string | null, least: number | null, most: number | null, path: string): void {
  if (least !== null && most !== null && least > most) {
    throw invalidRequest(`The minimum length ${least} is above the maximum length ${most}.`, {
      param: `${path}[minimum_length]`,
    })
  }
  const from = least ?? 0
  const to = most ?? LENGTH_MAX
  if (preset !== null && (preset.length < from || preset.length > to)) {
    throw invalidRequest(`The default value must have from ${from} to ${to} characters.`, {
      param: `${path}[default_value]`,
    })
  }
}

/**
 * The fields with what the customer entered; a default value stands for a field that was left out.
 * @throws 400 when a required field is empty, or a value is not allowed
 */
export function fillCustomFields(
  fields: CheckoutSession['custom_fields'],
  entered: Record<string, string> = {},
): NonNullable<CheckoutSession['custom_fields']> {
  const unknown = Object.keys(entered).find((key) => !fields?.some((field) => field.key === key))
  if (unknown !== undefined) throw invalidRequest(`This Checkout Session has no custom field ${unknown}.`)
  return (fields ?? []).map((field): CustomField => {
    const details = field.dropdown ?? field.numeric ?? field.text
    const value = (entered[field.key] ?? details?.default_value ?? '').trim()
    if (value === '') {
      if (field.optional) return field
      throw invalidRequest(`Please fill in ${field.label.custom}.`, { param: field.key })
    }
    checkValue(field, value)
    const key = field.type as 'dropdown' | 'numeric' | 'text'
    return { ...field, [key]: { ...details, value } }
  })
}

function checkValue(field: CustomField, value: string): void {
  const bad = (why: string) => invalidRequest(`${field.label.custom} ${why}.`, { param: field.key })
  if (field.dropdown && !field.dropdown.options.some((option) => option.value === value))
    throw bad('must be one of the options')
  if (field.numeric && !/^\d+$/.test(value)) throw bad('must contain digits only')
  const { maximum_length: most = null, minimum_length: least = null } = field.numeric ?? field.text ?? {}
  if (value.length > (most ?? LENGTH_MAX)) throw bad(`must have at most ${most ?? LENGTH_MAX} characters`)
  if (least !== null && value.length < least) throw bad(`must have at least ${least} characters`)
}
