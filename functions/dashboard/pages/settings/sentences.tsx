/** Sentences of the API, one below the other. */
export const Sentences = ({ sentences }: { sentences: string[] }) => (
  <ul className="flex flex-col gap-1">
    {sentences.map((sentence) => (
      <li key={sentence}>{sentence}</li>
    ))}
  </ul>
)
