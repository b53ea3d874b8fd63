/**
 * Builds the dashboard into `dist/dashboard`. Every address in it is relative, so that it works below any path. Nothing
 * is inlined as a script or a style, because the policy of the page allows neither.
 */
import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import { defineConfig } from 'vite'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  root: here('.'),
  base: './',
  plugins: [tailwindcss()],
  build: {
    outDir: here('../../dist/dashboard'),
    emptyOutDir: true,
    target: ['chrome123', 'firefox121', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      onLog(level, log, log_) {
        // Packages mark what runs on a client only; all of this does.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') log_(level, log)
      },
    },
  },
})
