/** Shows only the lines about failures. The handler still builds every line, as in production. */
export function failuresOnly(line: string): void {
  if (line.startsWith('{"level":"error"')) console.error(line)
}
