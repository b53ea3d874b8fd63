/** What `functions/deno.ts` uses of Deno, so that it is built with everything else; Deno itself checks it against all of its types. */
declare namespace Deno {
  function exit(code: number): never
  function serve(
    options: { port: number; onListen(address: { port: number }): void },
    handler: (request: Request) => Response | Promise<Response>,
  ): { shutdown(): Promise<void> }
  function addSignalListener(signal: 'SIGTERM' | 'SIGINT', handler: () => void): void
  function removeSignalListener(signal: 'SIGTERM' | 'SIGINT', handler: () => void): void
}
