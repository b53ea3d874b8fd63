import type { ErrorComponentProps } from '@tanstack/react-router'
import { texts } from '../texts.ts'
import { Button } from '../ui/button.tsx'
import { Note } from '../ui/note.tsx'

/** Stands in the place of a page that could not be loaded or shown. */
export const PageFailed = ({ reset }: ErrorComponentProps) => (
  <Note
    tone="bad"
    alert
    title={texts.failures.shown}
    action={
      <Button small onClick={reset}>
        {texts.common.tryAgain}
      </Button>
    }
  >
    {texts.failures.shownNext}
  </Note>
)
