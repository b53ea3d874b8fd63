/** Every line is made, as in production; only those that tell of a failure are shown. */
export function failuresOnly(line: string): void {
  if (line.startsWith('{"level":"error"')) console.error(line)
}
