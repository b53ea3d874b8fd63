/** Whether a database server is another machine. A name without a dot is this machine, or a container on it. */
export function isRemote({ hostname, searchParams }: URL): boolean {
  const host = decodeURIComponent(hostname || searchParams.get('host') || 'localhost')
  if (host.startsWith('/')) return false
  return !/^(localhost|127(\.\d+){3}|\[::1\]|host\.docker\.internal|[a-z0-9_-]+)$/i.test(host)
}
