import { Component, type ReactNode } from 'react'
import { texts } from '../texts.ts'
import { Button } from './button.tsx'
import { Note } from './note.tsx'

type Props = { children: ReactNode; resetKey?: string }
type State = { error: unknown; resetKey: string | undefined }

/**
 * Shows an error in the place of what raised it, so that the rest of the page stays. React has no function for this.
 */
export class Boundary extends Component<Props, State> {
  override state: State = { error: null, resetKey: this.props.resetKey }

  static getDerivedStateFromError(error: unknown): Partial<State> {
    return { error: error ?? new Error(texts.failures.shown) }
  }

  static getDerivedStateFromProps({ resetKey }: Props, state: State): Partial<State> | null {
    return resetKey === state.resetKey ? null : { error: null, resetKey }
  }

  override render(): ReactNode {
    if (this.state.error === null) return this.props.children
    return (
      <Note
        tone="bad"
        alert
        title={texts.failures.shown}
        action={
          <Button small onClick={() => this.setState({ error: null })}>
            {texts.common.tryAgain}
          </Button>
        }
      >
        {texts.failures.shownNext}
      </Note>
    )
  }
}
