/** What a template is, and what it has to know of an app. */
import type { TableName } from './inspect.ts'
import type { KeyType } from './render.ts'

export type AddOptions = {
  subject?: string
  schema?: string
  keyType?: string
  userKeyType?: string
  members?: string
  memberSubject?: string
  memberUser?: string
  memberRole?: string
  roles?: string
  orders?: string
  createOrders?: boolean
  orderId?: string
  orderUser?: string
  orderAmount?: string
  orderCurrency?: string
  currency?: string
  orderStatus?: string
  paidValue?: string
  refundedValue?: string
  lines?: string
  lineOrder?: string
  linePrice?: string
  lineQuantity?: string
  every?: string
  unchecked?: boolean
  tool?: string
  out?: string
  style?: string
  print?: boolean
}

export type Members = {
  table: TableName
  subject: string
  user: string
  /** Null if every member may bill. */
  role: { column: string; values: string[] } | null
}
export type Orders = {
  table: TableName
  isNew: boolean
  id: string
  user: string | null
  amount: string
  currency: { column: string } | { always: string }
  status: string | null
  paidValue: string
  refundedValue: string | null
  lines: { table: TableName; order: string; price: string; quantity: string } | null
  keyType: KeyType
}
export type Settings = {
  schema: string
  subject: string | null
  keyType: KeyType
  userKeyType: KeyType
  members: Members | null
  orders: Orders | null
  everyMinutes: number
}

export type Template = {
  /** The name of the command. */
  name: string
  aliases?: string[]
  summary: string
  /** The file in `sql/templates/add`. */
  file: string
  /** Whose it is: any billing subject, `user` alone, a subject with members, or nobody's. */
  subject: 'any' | 'user' | 'group' | 'none'
  /** Whether it names the orders of the app. */
  orders?: boolean
  /** Whether it runs by pg_cron. */
  schedule?: boolean
  /** A condition in SQL that holds where the template is installed. */
  isThere: (settings: Settings) => string
  /** The tables that it creates, with the columns that it needs, by name. */
  creates: (settings: Settings) => Record<string, string[]>
  next: (settings: Settings) => string[]
}
