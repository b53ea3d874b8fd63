/** The pages, in the order of the navigation, with the second key of their shortcut. */
import {
  Activity,
  CreditCard,
  FileText,
  Gauge,
  type LucideIcon,
  Package,
  RefreshCw,
  Repeat,
  Settings,
  ShoppingCart,
  Users,
} from 'lucide-react'
import type { texts } from '../texts.ts'

export type PageId = keyof typeof texts.pages
export type PageEntry = {
  id: PageId
  icon: LucideIcon
  key: string
  /** Another address that belongs to the page. */
  also?: string
}

export const PAGES: PageEntry[] = [
  { id: 'overview', icon: Gauge, key: 'o' },
  { id: 'catalogue', icon: Package, key: 'k', also: 'offers' },
  { id: 'customers', icon: Users, key: 'c' },
  { id: 'subscriptions', icon: Repeat, key: 's' },
  { id: 'payments', icon: CreditCard, key: 'p' },
  { id: 'invoices', icon: FileText, key: 'i' },
  { id: 'events', icon: Activity, key: 'e' },
  { id: 'sessions', icon: ShoppingCart, key: 'x' },
  { id: 'sync', icon: RefreshCw, key: 'y' },
  { id: 'settings', icon: Settings, key: 't' },
]
