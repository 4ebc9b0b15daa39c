import { drawn, element } from './dom.js';
import { type Happening, moodOf, sentenceOf } from './happening.js';

const WIDTH = 600;
const MARGIN = 24;

/** Draws the server's events to scale, and lists them in words. */
export function timeLine(happenings: readonly Happening[]): HTMLElement {
  if (happenings.length === 0) return element('p', { className: 'quiet' }, 'The server reported no events.');
  const begin = happenings[0].at;
  const length = Math.max(1, happenings.at(-1)!.at - begin);
  const x = (at: number) => MARGIN + ((at - begin) / length) * (WIDTH - 2 * MARGIN);
  const marks = happenings.map((happening) =>
    drawn('circle', { cx: x(happening.at), cy: 18, r: 7, class: moodOf(happening) }),
  );
  const picture = drawn(
    'svg',
    { class: 'time-line', viewBox: `0 0 ${WIDTH} 60`, 'aria-hidden': 'true' },
    drawn('line', { x1: MARGIN, y1: 18, x2: WIDTH - MARGIN, y2: 18 }),
    ...marks,
    drawn('text', { x: MARGIN, y: 54 }, '0 ms'),
    drawn('text', { x: WIDTH - MARGIN, y: 54, 'text-anchor': 'end' }, `${length} ms`),
  );
  const words = grouped(happenings).map(({ first, last, times }) =>
    element(
      'li',
      { className: moodOf(first) },
      element('time', {}, times > 1 ? `+${first.at - begin}–${last.at - begin} ms` : `+${first.at - begin} ms`),
      element('span', {}, times > 1 ? `${times} times: ${sentenceOf(first)}` : sentenceOf(first)),
    ),
  );
  return element('div', {}, picture, element('ol', { className: 'marks' }, ...words));
}

interface Group {
  first: Happening;
  last: Happening;
  times: number;
}

/** Groups events with the same sentence. */
function grouped(happenings: readonly Happening[]): Group[] {
  const groups = new Map<string, Group>();
  for (const happening of happenings) {
    const sentence = sentenceOf(happening);
    const group = groups.get(sentence) ?? { first: happening, last: happening, times: 0 };
    groups.set(sentence, { ...group, last: happening, times: group.times + 1 });
  }
  return [...groups.values()];
}
