import type { AuthClient } from './client.js';
import { byId, element, offer, pause } from './dom.js';
import { EXPERIMENTS } from './experiment-list.js';
import { circumstances, type Circumstances, type Experiment } from './experiment.js';
import type { Happening } from './happening.js';
import type { Story } from './story.js';
import { timeLine } from './time-line.js';

/** Milliseconds to wait for the last events. */
const AFTERGLOW = 700;
const TICK = 100;

/** The experiments' buttons and results. */
export class Laboratory {
  private readonly buttons = new Map<Experiment, HTMLButtonElement>();
  private known: Circumstances | undefined;
  private signedIn = false;
  private running = false;

  constructor(
    private readonly client: AuthClient,
    private readonly story: Story,
  ) {
    byId('experiments').append(...EXPERIMENTS.map((experiment) => this.cardOf(experiment)));
    this.show();
  }

  /** Whether an experiment is running. It asks for the password itself. */
  get busy(): boolean {
    return this.running;
  }

  open(signedIn: boolean): void {
    this.signedIn = signedIn;
    this.show();
    if (signedIn && !this.known) void this.learn().catch(() => undefined);
  }

  private async learn(): Promise<void> {
    this.known = await circumstances(this.client);
    this.show();
  }

  private show(): void {
    for (const [experiment, button] of this.buttons) {
      const hindrance = this.known && experiment.hindrance?.(this.known);
      offer(button, !this.running && this.signedIn && hindrance === undefined);
      byId(`hindrance-${experiment.id}`).textContent = hindrance ?? '';
    }
    byId('laboratory-hint').hidden = this.signedIn;
  }

  private cardOf(experiment: Experiment): HTMLElement {
    const { id, title, about } = experiment;
    const button = element('button', { type: 'button', id: `run-${id}` }, 'Do it');
    button.setAttribute('aria-describedby', `about-${id} hindrance-${id}`);
    button.setAttribute('aria-label', `Do it: ${title}`);
    this.buttons.set(experiment, button);
    const result = element('div', { id: `result-${id}` });
    result.setAttribute('aria-live', 'polite');
    const card = element(
      'article',
      { className: 'experiment' },
      element('h3', {}, title),
      element('p', { id: `about-${id}` }, about),
      element('p', { id: `hindrance-${id}`, className: 'quiet' }),
      button,
      result,
    );
    button.addEventListener('click', () => {
      if (button.ariaDisabled !== 'true') void this.run(experiment, card, result);
    });
    return card;
  }

  private async run(experiment: Experiment, card: HTMLElement, result: HTMLElement): Promise<void> {
    this.running = true;
    this.show();
    card.classList.add('run');
    card.dataset.state = 'running';
    const happenings: Happening[] = [];
    const unsubscribe = this.story.subscribe((happening) => void happenings.push(happening));
    const rows = element('tbody');
    const titles = ['Sent', 'Came back', 'Why'].map((title) => element('th', { scope: 'col' }, title));
    const table = element('table', {}, element('thead', {}, element('tr', {}, ...titles)), rows);
    result.replaceChildren(element('div', { className: 'wide' }, table));
    try {
      await experiment.run({
        client: this.client,
        tell: (sent, received, why, good = true) => {
          const answer = element('td', { className: good ? 'good' : 'bad' }, received);
          rows.append(element('tr', {}, element('td', {}, sent), answer, element('td', {}, why)));
        },
        wait: (milliseconds, what) => this.wait(result, milliseconds, what),
      });
    } catch (error) {
      result.append(element('p', { className: 'bad' }, (error as Error).message));
    }
    await pause(AFTERGLOW);
    unsubscribe();
    result.append(timeLine(happenings));
    card.dataset.state = 'done';
    this.running = false;
    this.show();
  }

  private async wait(result: HTMLElement, milliseconds: number, what: string): Promise<void> {
    const bar = element('progress', { max: milliseconds, value: 0 });
    const label = element('label', {}, what, bar);
    result.append(label);
    const begin = performance.now();
    while (performance.now() - begin < milliseconds) {
      bar.value = performance.now() - begin;
      await pause(TICK);
    }
    label.remove();
  }
}
