/** Why the server has refused, in its own words where it has any. */
export async function refusalOf(response: Response): Promise<string> {
  const { error_description: words } = (await response.json().catch(() => ({}))) as { error_description?: string };
  return words ?? `The server answered with ${response.status}.`;
}
