import { parseArgs } from 'node:util';
import { type BindingFigures, measureBinding } from './binding.js';
import { measureLargeTable } from './large-table.js';
import { type FloodFigures, measureLoginFlood } from './login-flood.js';
import { measureRevokedAtOnce } from './revoked-at-once.js';
import { measureRevocation, type RevocationTimes } from './revocation.js';
import { runBench } from './run-bench.js';
import { measureStartUp } from './start-up.js';
import { table } from './table.js';

const { values } = parseArgs({
  options: {
    /** The result as JSON, and nothing else, on the standard output. */
    json: { type: 'boolean', default: false },
    /** More of them for steadier figures; one is enough to see that the bench works. */
    rounds: { type: 'string', default: '8' },
    /** Also measures a table of this number of sessions. Ten million take some minutes and 10 GB. */
    'large-table': { type: 'string' },
  },
});

const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort(new Error('Interrupted.')));

try {
  const onProgress = (what: string) => process.stderr.write(`${what} …\n`);
  const rounds = Math.max(1, Math.trunc(Number(values.rounds)) || 1);
  const result = await runBench({ rounds, signal: interrupted.signal, onProgress });
  onProgress('measuring what binding a session costs');
  const binding = await measureBinding(rounds, interrupted.signal);
  onProgress('measuring what a flood of logins does to refreshes');
  const flood = await measureLoginFlood(Math.ceil(rounds / 4), interrupted.signal);
  onProgress('measuring how soon a revocation is known elsewhere');
  const revocation = await measureRevocation();
  onProgress('measuring what 100,000 sessions that end at once cost another instance');
  const atOnce = await measureRevokedAtOnce();
  onProgress('measuring what the module adds to the start of an application');
  const startUp = await measureStartUp();
  const rows = values['large-table'];
  if (rows) onProgress(`filling a table with ${rows} sessions`);
  const largeTable = rows ? await measureLargeTable(Number(rows)) : undefined;
  if (values.json) {
    console.log(
      JSON.stringify(
        {
          ...result,
          binding,
          login_flood: flood,
          revocation,
          revoked_at_once: atOnce,
          start_up: startUp,
          large_table: largeTable,
        },
        null,
        2,
      ),
    );
  } else {
    console.log(table(result));
    console.log(`\nBound sessions, of the throughput of unbound ones: refresh ${costs(binding.refresh)}`);
    console.log(`guarded GET ${costs(binding.guard)}`);
    for (const [kind, { flood: bounded, flood_unbounded: unbounded }] of [
      ['refresh', flood.refresh],
      ['refresh with DPoP', flood.dpop],
    ] as const) {
      console.log(`\n${flood.logins} logins at once, ${kind}: ${slowed(bounded)}`);
      console.log(`without a limit of password checks: ${slowed(unbounded)}`);
    }
    console.log(`\nA revocation is known elsewhere by polling after ${shown(revocation.polling)}`);
    if (revocation.redis) console.log(`by Redis after ${shown(revocation.redis)}`);
    const { sessions, known_after_ms: known, longest_stall_ms: stall, bytes_per_session: bytes } = atOnce;
    console.log(
      `\n${sessions} sessions that end at once are known elsewhere after ${known} ms. Its event loop stands still`,
    );
    console.log(`for ${stall.arriving} ms at most, later for ${stall.afterwards} ms. Each takes ${bytes} bytes there.`);
    console.log(`\nThe start of an application takes ${startUp.import_ms + startUp.boot_ms} ms longer,`);
    console.log(`${startUp.import_ms} ms of it to load the library (${startUp.samples} samples)`);
    if (largeTable) {
      console.log(`\n${largeTable.rows} sessions, ${largeTable.megabytes} MB: the number of live sessions by a sample`);
      console.log(
        `takes 1/${largeTable.count.ratio} of counting, a purge 1/${largeTable.purge.ratio} of one by primary key`,
      );
    }
  }
} catch (error) {
  console.error(`The bench failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

function costs(figures: Record<string, BindingFigures>): string {
  return Object.entries(figures)
    .map(([kind, { of_none }]) => `${kind} ${of_none.toFixed(2)}`)
    .join(', ');
}

function slowed({ p50_ms, p99_ms, p50_of_quiet, p99_of_quiet }: FloodFigures): string {
  return `p50 ${p50_ms} ms, p99 ${p99_ms} ms, ${p50_of_quiet} and ${p99_of_quiet} times as long as without`;
}

function shown({ median_ms, worst_ms, samples }: RevocationTimes): string {
  return `${median_ms} ms, at worst ${worst_ms} ms (${samples} samples)`;
}
