/** The table that lists the applied migrations. No migration creates it. Its name is part of the contract. */
export const LEDGER = { schema: 'payments_private', table: 'schema_migrations' } as const
