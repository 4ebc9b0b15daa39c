import { request as httpRequest } from 'node:http';
import { PresentedBinding } from 'nestjs-refresh-token/binding';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Random } from '../chain-model/random.js';
import { adapters, type AuthApp, createAuthApp, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import {
  appendedByEnvoy,
  type EnvoyDetails,
  envoyElement,
  haproxyValue,
  nginxValue,
  rfc9440Value,
  type ShownCertificate,
} from '../support/forwarding-proxies.js';
import { generateIdentity, type Identity } from '../support/tls.js';

const CASES = 1000;

let alice: Identity;
let mallory: Identity;
beforeAll(async () => {
  [alice, mallory] = await Promise.all(['alice', 'mallory'].map(generateIdentity));
});

const hashOf = ({ thumbprint }: Identity) => Buffer.from(thumbprint, 'base64url').toString('hex');
const derOf = ({ cert }: Identity) => Buffer.from(cert.replace(/-----[^-]+-----/g, ''), 'base64');

/** What the server makes of a header that a trusted proxy sends. */
interface Reading {
  thumbprint: string | undefined;
  alerts: number;
}

/** A server that trusts its proxies, and a function that reads one header of theirs. */
function reader(tls: { appendingProxies?: boolean } = {}) {
  let read: (header: string | undefined) => Promise<Reading>;
  let close: () => Promise<void>;
  beforeAll(async () => {
    const options = { binding: { tls: { trustedProxies: ['10.0.0.1'], ...tls } } };
    const context = await createAuthContext(await databaseNamed('sqljs').create(), { options });
    const binding = context.module.get(PresentedBinding);
    close = () => context.close();
    read = async (header) => {
      // An alert is told once a minute for each network.
      context.clock.advance(60_000);
      context.events.length = 0;
      const request = {
        method: 'GET',
        url: '/',
        protocol: 'https',
        headers: { 'x-forwarded-client-cert': header },
        socket: { remoteAddress: '10.0.0.1' },
      };
      const { certificateThumbprint: thumbprint } = await binding.of(request, { header: () => undefined });
      const alerts = context.events.filter(({ reason, alert }) => reason === 'forwarded_certificate' && alert);
      return { thumbprint, alerts: alerts.length };
    };
  });
  afterAll(() => close?.());
  return (header: string | undefined) => read(header);
}

const refused: Reading = { thumbprint: undefined, alerts: 1 };
const proven = ({ thumbprint }: ShownCertificate): Reading => ({ thumbprint, alerts: 0 });

describe('the header of a trusted proxy', () => {
  const read = reader();

  it.each<[string, (identity: Identity) => string]>([
    ['nginx', nginxValue],
    ['nginx, without the last line break', ({ cert }) => encodeURIComponent(cert.trim())],
    ['HAProxy', haproxyValue],
    ['RFC 9440', rfc9440Value],
    ['Envoy with the defaults', (identity) => envoyElement(identity)],
    ['Envoy with the certificate', (identity) => envoyElement(identity, { cert: true })],
    ['Envoy with the chain', (identity) => envoyElement(identity, { chain: true })],
    [
      'Envoy with all details',
      (identity) =>
        envoyElement(
          { ...identity, commonName: 'a,b;c="d"\\', uris: ['spiffe://example/a'], dnsNames: ['a.example'] },
          { by: ['spiffe://inside'], cert: true, chain: true, subject: true, uri: true, dns: true },
        ),
    ],
    ['Envoy, for a certificate without names', (identity) => envoyElement(identity, { uri: true, dns: true })],
    ['a proxy that names the certificate alone', ({ cert }) => `By=x;Cert="${encodeURIComponent(cert)}"`],
  ])('is the certificate of the client, as written by %s', async (_, written) => {
    expect(await read(written(alice))).toEqual(proven(alice));
  });

  it.each([undefined, '', '::'])('is no certificate and no alert if the client has shown none: %j', async (header) => {
    expect(await read(header)).toEqual({ thumbprint: undefined, alerts: 0 });
  });

  it.each<[string, () => string]>([
    ['says nothing of the client', () => 'By=spiffe://inside'],
    ['has an invalid hash', () => 'Hash=abc'],
    ['has a hash in capitals', () => `Hash=${hashOf(alice).toUpperCase()}`],
    ['has a key in another case', () => `HASH=${hashOf(alice)}`],
    ['has a key that Envoy does not write', () => `Hash=${hashOf(alice)};Foo=x`],
    ['has its keys in another order', () => `Subject="CN=a";Hash=${hashOf(alice)}`],
    ['has a key before the hash that the client chose', () => `URI=x;Hash=${hashOf(alice)}`],
    ['has two hashes', () => `Hash=${hashOf(alice)};Hash=${hashOf(alice)}`],
    ['has two URIs', () => `Hash=${hashOf(alice)};URI=spiffe://a;URI=spiffe://b`],
    ['has two elements', () => `Hash=${hashOf(alice)},Hash=${hashOf(alice)}`],
    ['has an empty element', () => `,Hash=${hashOf(alice)}`],
    ['has a URI with a comma', () => `Hash=${hashOf(alice)};URI=a,b`],
    ['has a URI in quotes', () => `Hash=${hashOf(alice)};URI="a"`],
    ['has its hash in quotes', () => `Hash="${hashOf(alice)}"`],
    ['has single quotes', () => `Hash=${hashOf(alice)};Subject='CN=alice'`],
    ['has a subject without quotes', () => `Hash=${hashOf(alice)};Subject=CN`],
    ['has a subject with a quote in it', () => `Hash=${hashOf(alice)};Subject="CN="a""`],
    ['has a space', () => `By=x; Hash=${hashOf(alice)}`],
    ['has a space at its end', () => `Hash=${hashOf(alice)} `],
    ['ends with a semicolon', () => `Hash=${hashOf(alice)};`],
    [
      'has a certificate that is not the one of its hash',
      () => envoyElement({ ...alice, cert: mallory.cert }, { cert: true }),
    ],
    ['has an invalid certificate', () => 'Cert="-----BEGIN%20CERTIFICATE-----"'],
    ['cannot be decoded', () => 'Cert="%E0%A4%A"'],
    ['is a PEM that cannot be decoded', () => '-----BEGIN%E0%A4%A'],
    ['is a PEM that is not encoded', () => alice.cert.replaceAll('\n', ' ')],
    ['is a PEM that is encoded twice', () => encodeURIComponent(nginxValue(alice))],
    ['is a PEM that is encoded in another way', () => nginxValue(alice).replaceAll('%0A', '%0a')],
    ['is a PEM with other lines', () => nginxValue(alice).replaceAll('%0A', '%0D%0A')],
    ['is a PEM of something else', () => encodeURIComponent(alice.key)],
    ['has a quote that does not end', () => `Cert="${nginxValue(alice)}`],
    ['is nonsense', () => '=;,"'],
    ['is no base64', () => ':####:'],
    ['is base64 of something else', () => `:${Buffer.from('something else').toString('base64')}:`],
    ['is base64 of a PEM', () => `:${Buffer.from(alice.cert).toString('base64')}:`],
    ['is base64 for URLs', () => `:${derOf(alice).toString('base64url')}:`],
    ['is base64 with a space', () => rfc9440Value(alice).replace('A', ' A')],
    ['has one colon', () => `:${haproxyValue(alice)}`],
    ['has parameters', () => `${rfc9440Value(alice)};a=1`],
    ['is two certificates of RFC 9440', () => `${rfc9440Value(mallory)}, ${rfc9440Value(alice)}`],
    ['is two PEMs', () => `${nginxValue(mallory)}, ${nginxValue(alice)}`],
    ['is two PEMs in one', () => `${nginxValue(mallory)}${nginxValue(alice)}`],
    ['has a PEM before what the proxy adds', () => `${nginxValue(mallory)},By=x;Hash=${hashOf(alice)}`],
    ['is DER with something after it', () => `:${Buffer.concat([derOf(alice), Buffer.from('x')]).toString('base64')}:`],
    ['is longer than any certificate', () => `Hash=${hashOf(alice)};URI=${'x'.repeat(40_000)}`],
  ])('is no certificate and an alert if it %s', async (_, header) => {
    expect(await read(header())).toEqual(refused);
  });
});

describe.each(adapters)('a header that comes twice, on %s', (adapter) => {
  let app: AuthApp;
  beforeAll(async () => {
    app = await createAuthApp(adapter, await databaseNamed('sqljs').create(), {
      options: { binding: { tls: { trustedProxies: ['127.0.0.1'] } } },
    });
  });
  afterAll(() => app?.close());
  beforeEach(() => void (app.events.length = 0));

  const statusOfLogin = (values: string[]) =>
    new Promise<number | undefined>((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'x-forwarded-client-cert': values };
      httpRequest(`${app.url}/auth/login`, { method: 'POST', headers, agent: false })
        .on('error', reject)
        .on('response', (response) => resolve(response.resume().statusCode))
        .end(JSON.stringify({ username: 'alice', password: 'alice-password', transport: 'body', bind: 'tls' }));
    });

  it('is no certificate, and one alert that says where it came from', async () => {
    expect(await statusOfLogin([envoyElement(alice)])).toBe(200);
    expect(await statusOfLogin([nginxValue(alice), nginxValue(alice)])).toBe(400);
    const refusals = app.events.filter(({ type }) => type === 'binding_failed');
    expect(refusals).toEqual([
      expect.objectContaining({ reason: 'forwarded_certificate', alert: true, ip: '127.0.0.1' }),
    ]);
  });
});

describe('the header of a proxy that appends', () => {
  const read = reader({ appendingProxies: true });

  it('names the client of the nearest proxy', async () => {
    const details = { by: ['spiffe://inside'], cert: true, chain: true };
    expect(await read(appendedByEnvoy('', alice, details))).toEqual(proven(alice));
    expect(await read(appendedByEnvoy(envoyElement(mallory, details), alice, details))).toEqual(proven(alice));
    expect(await read(appendedByEnvoy(envoyElement(mallory), alice))).toEqual(proven(alice));
    expect(await read('')).toEqual({ thumbprint: undefined, alerts: 0 });
  });

  it.each<[string, () => string]>([
    ['a URI', () => envoyElement(alice, { uri: true })],
    ['a DNS name', () => envoyElement({ ...alice, dnsNames: ['a.example'] }, { dns: true })],
    ['a subject', () => envoyElement(alice, { subject: true })],
    ['a URI before the last element', () => appendedByEnvoy(envoyElement(mallory, { uri: true }), alice)],
    ['a space between its elements', () => `${envoyElement(mallory)}, ${envoyElement(alice)}`],
    ['an empty element', () => `,${envoyElement(alice)}`],
    ['nothing after its last comma', () => `${envoyElement(alice)},`],
    ['a quote that does not end', () => appendedByEnvoy(`Cert="${nginxValue(mallory)}`, alice)],
    ['a PEM', () => nginxValue(alice)],
    ['the certificate of RFC 9440', () => rfc9440Value(alice)],
  ])('is no certificate and an alert if it has %s', async (_, header) => {
    expect(await read(header())).toEqual(refused);
  });
});

describe('whatever names a client writes into its certificate, and whatever it sends', () => {
  const read = reader();
  const readAppended = reader({ appendingProxies: true });
  let pieces: string[];
  let identities: Identity[];
  beforeAll(async () => {
    identities = [alice, mallory, await generateIdentity('carol')];
    const attacks = identities.flatMap((identity) => [
      `Hash=${hashOf(identity)}`,
      `Cert="${nginxValue(identity)}"`,
      nginxValue(identity),
      rfc9440Value(identity),
      haproxyValue(identity),
    ]);
    const marks = ['"', "'", '\\', ';', ',', '=', ':', '%', '%0A', '%22', ' ', '\t', '/', '#', 'é'];
    const keys = ['By=', 'Hash=', 'hash=', 'Cert=', 'Chain="', 'Subject="', 'URI=', 'DNS='];
    pieces = [...attacks, ...marks, ...keys, 'spiffe://x', 'a.example', 'x'];
  });

  const thumbprints = () => identities.map(({ thumbprint }): string | undefined => thumbprint);
  /** Text of a client’s choice. */
  const textOf = (random: Random) => Array.from({ length: random.below(7) }, () => random.of(pieces)).join('');
  const listOf = <T>(random: Random, most: number, one: () => T) => Array.from({ length: random.below(most + 1) }, one);
  const clientOf = (random: Random): ShownCertificate => ({
    ...random.of(identities),
    commonName: textOf(random),
    uris: listOf(random, 2, () => (random.chance(0.3) ? 'spiffe://example/a' : textOf(random))),
    dnsNames: listOf(random, 2, () => (random.chance(0.3) ? 'a.example' : textOf(random))),
  });
  const detailsOf = (random: Random): EnvoyDetails => ({
    by: listOf(random, 1, () => 'spiffe://inside/server'),
    cert: random.chance(0.5),
    chain: random.chance(0.3),
    subject: random.chance(0.5),
    uri: random.chance(0.5),
    dns: random.chance(0.5),
  });
  const isPlain = (values: readonly string[] = []) => values.length < 2 && values.every((it) => !/[\s",;=]/.test(it));

  /** The case is named by its seed. */
  async function forEachSeed(check: (random: Random, say: (header: string) => string) => Promise<void>) {
    for (let seed = 0; seed < CASES; seed++) await check(new Random(seed), (header) => `seed ${seed}: ${header}`);
  }

  it('Envoy’s header is its own certificate or none', async () => {
    let accepted = 0;
    await forEachSeed(async (random, say) => {
      const [client, details] = [clientOf(random), detailsOf(random)];
      const header = envoyElement(client, details);
      const reading = await read(header);
      const plain = (!details.uri || isPlain(client.uris)) && (!details.dns || isPlain(client.dnsNames));
      if (plain) expect(reading, say(header)).toEqual(proven(client));
      else expect([proven(client), refused], say(header)).toContainEqual(reading);
      accepted += reading.alerts === 0 ? 1 : 0;
    });
    // The cases are of both kinds.
    expect(accepted).toBeGreaterThan(CASES / 4);
    expect(accepted).toBeLessThan(CASES);
  });

  it('the headers of the other proxies are always its own certificate', async () => {
    await forEachSeed(async (random, say) => {
      const client = clientOf(random);
      const header = random.of([nginxValue, haproxyValue, rfc9440Value])(client);
      expect(await read(header), say(header)).toEqual(proven(client));
    });
  });

  it('an element before that of an appending proxy changes nothing, and other text makes the header none', async () => {
    await forEachSeed(async (random, say) => {
      const client = clientOf(random);
      const details = { ...detailsOf(random), subject: false, uri: false, dns: false };
      const elements = listOf(random, 2, () => envoyElement(random.of(identities), details));
      const sent = random.chance(0.3) ? elements.join(',') : textOf(random);
      const header = appendedByEnvoy(sent, client, details);
      const reading = await readAppended(header);
      if (sent === '' || sent === elements.join(',')) expect(reading, say(header)).toEqual(proven(client));
      else expect([proven(client), refused], say(header)).toContainEqual(reading);
    });
  });

  it('nothing counts that is appended to a header without the option', async () => {
    await forEachSeed(async (random, say) => {
      const sent = random.chance(0.3) ? envoyElement(random.of(identities)) : textOf(random) || 'x';
      const header = appendedByEnvoy(sent, clientOf(random), detailsOf(random));
      expect(await read(header), say(header)).toEqual(refused);
    });
  });

  it('a certificate with one character changed is another one or none', async () => {
    const withCertificate = (client: ShownCertificate) => envoyElement(client, { cert: true });
    await forEachSeed(async (random, say) => {
      const client = clientOf(random);
      const header = random.of([nginxValue, haproxyValue, rfc9440Value, withCertificate])(client);
      const at = random.below(header.length);
      const inserted = random.chance(0.3) ? '' : random.of([...'aB0%"\\;,=: -+/']);
      const altered = header.slice(0, at) + inserted + header.slice(random.chance(0.5) ? at : at + 1);
      const { thumbprint } = await read(altered);
      if (altered !== header) expect(thumbprints(), say(altered)).not.toContain(thumbprint);
    });
  });
});
