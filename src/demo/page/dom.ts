/** The element with this id. */
export function byId<T extends Element = HTMLElement>(id: string): T {
  return document.getElementById(id) as unknown as T;
}

/** A pause that ends early if the signal aborts. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    setTimeout(resolve, milliseconds);
    signal?.addEventListener('abort', () => resolve());
  });
}

type Child = Node | string;

/** Creates an element. Children are text or nodes, so no foreign text is ever read as HTML. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export function drawn(tag: string, attributes: Record<string, string | number>, ...children: Child[]): SVGElement {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

/** Milliseconds until a notice disappears. */
const TOPICAL = 15_000;
let outdated: ReturnType<typeof setTimeout> | undefined;

/** Shows a notice. Screen readers announce it. */
export function notice(text: string, alert = false): void {
  const place = byId('notice');
  place.textContent = text;
  place.classList.toggle('alert', alert);
  clearTimeout(outdated);
  // An alert stays until the next notice.
  if (!alert) outdated = setTimeout(() => place.replaceChildren(), TOPICAL);
}

/**
 * Updates the list; each item has a key. An unchanged item stays in place and keeps the focus. If the item with the
 * focus has changed, the same control of its replacement gets the focus. Otherwise `fallback` gets it.
 */
export function update(list: Element, items: readonly [string, HTMLElement][], fallback: HTMLElement): void {
  const before = new Map([...list.children].map((child) => [(child as HTMLElement).dataset.key, child]));
  const focused = document.activeElement;
  const had = focused !== null && list.contains(focused);
  const place = had ? controlsOf(holderIn(list, focused)).indexOf(focused) : -1;
  const key = had ? holderIn(list, focused).dataset.key : undefined;
  const now = items.map(([itemKey, item]) => {
    item.dataset.key = itemKey;
    const old = before.get(itemKey);
    return old?.isEqualNode(item) ? old : item;
  });
  for (const child of [...list.children]) if (!now.includes(child)) child.remove();
  now.forEach((item, index) => {
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
  });
  if (!had || list.contains(document.activeElement)) return;
  const successor = now.find((item) => (item as HTMLElement).dataset.key === key);
  ((successor && (controlsOf(successor)[place] as HTMLElement | undefined)) ?? fallback).focus();
}

function holderIn(list: Element, inner: Element): HTMLElement {
  return [...list.children].find((child) => child.contains(inner)) as HTMLElement;
}

function controlsOf(item: Element): Element[] {
  return [...item.querySelectorAll('button, input')];
}

/** Makes a button possible or impossible to use. It keeps the focus, which `disabled` would remove. */
export function offer(button: HTMLButtonElement, possible: boolean): void {
  button.ariaDisabled = possible ? null : 'true';
  if (possible) delete button.dataset.impossible;
  else button.dataset.impossible = '';
}

/** Runs the work on each click, one at a time. Errors are shown as a notice. */
export function onClick(button: HTMLButtonElement, work: () => Promise<unknown>): void {
  button.addEventListener('click', () => {
    if (button.ariaDisabled === 'true') return;
    button.ariaDisabled = 'true';
    work()
      .catch((error: unknown) => notice(error instanceof Error ? error.message : String(error), true))
      .finally(() => {
        offer(button, !('impossible' in button.dataset));
      });
  });
}
