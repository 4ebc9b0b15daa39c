/** The reason for a refusal, in the server's words if it gave any. */
export async function refusalOf(response: Response): Promise<string> {
  const { error_description: words } = (await response.json().catch(() => ({}))) as { error_description?: string };
  return words ?? `The server answered with ${response.status}.`;
}
