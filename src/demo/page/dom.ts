/** The element of the page that has this id. */
export function byId<T extends Element = HTMLElement>(id: string): T {
  return document.getElementById(id) as unknown as T;
}

/** Over before its time where the signal says so. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    setTimeout(resolve, milliseconds);
    signal?.addEventListener('abort', () => resolve());
  });
}

type Child = Node | string;

/** A new element. Children are text or nodes: nothing that came from elsewhere is ever read as HTML. */
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

/** Milliseconds for which a notice is of interest. */
const TOPICAL = 15_000;
let outdated: ReturnType<typeof setTimeout> | undefined;

/** Tells the user, and whoever reads the page to them. */
export function notice(text: string, alert = false): void {
  const place = byId('notice');
  place.textContent = text;
  place.classList.toggle('alert', alert);
  clearTimeout(outdated);
  // An alert stays until something else is to be told.
  if (!alert) outdated = setTimeout(() => place.replaceChildren(), TOPICAL);
}

/**
 * Puts the items into the list, each under its key. One that is as it was stays the very same, and keeps the focus; where the
 * one that has it changes, the same control of its successor gets it, or else `fallback`.
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

/** Whether the button does anything now. It keeps the focus, which `disabled` would take away. */
export function offer(button: HTMLButtonElement, possible: boolean): void {
  button.ariaDisabled = possible ? null : 'true';
  if (possible) delete button.dataset.impossible;
  else button.dataset.impossible = '';
}

/** What a click does, once at a time; what goes wrong is told. */
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
