/** The mark of the product, in the colour of the environment. */
export const Mark = () => (
  <svg width="30" height="30" viewBox="0 0 32 32" aria-hidden="true" className="shrink-0">
    <rect width="32" height="32" rx="9" className="fill-accent" />
    <path
      d="M8 12.5c0-1.7 3.6-3 8-3s8 1.3 8 3-3.6 3-8 3-8-1.3-8-3Zm0 0v7c0 1.7 3.6 3 8 3s8-1.3 8-3v-7M8 16c0 1.7 3.6 3 8 3s8-1.3 8-3"
      fill="none"
      strokeWidth="2"
      strokeLinecap="round"
      className="stroke-on-accent"
    />
  </svg>
)
