import { type Answer, Attempt, type Instance, ModelStore, type Refresh, RINGS, signIn, type Start } from './model.js';

const SIGNED_IN_WITH = 'sign-in-key-0000';

/** A session whose history is written down step by step. */
export class ScriptedSession {
  /** Milliseconds since the sign-in. */
  now = 0;
  readonly store: ModelStore;
  private readonly instance: Instance = { ring: RINGS.old, offset: 0 };

  constructor(start: Partial<Start> = {}) {
    this.store = new ModelStore(signIn({ key: SIGNED_IN_WITH, at: 0, ...start }), () => this.now, true);
  }

  /** @param claimed the keys that brought the token; none: the client claims nothing */
  refresh(generation: number, key: string | undefined, ...claimed: string[]): string {
    return this.send({ generation, key, claim: claimOf(generation, claimed) });
  }

  /** The answer in words, for example `rotate 1` or `token_shared`. */
  send(refresh: Refresh, instance = this.instance): string {
    return told(this.begin(refresh, instance).run());
  }

  begin(refresh: Refresh, instance = this.instance): Attempt {
    return new Attempt(this.store, instance, refresh, () => this.now);
  }

  wait(milliseconds: number): void {
    this.now += milliseconds;
  }
}

export function claimOf(generation: number, keys: readonly string[]): Refresh['claim'] {
  return keys.length === 0 ? undefined : { generation, keys };
}

export function told(answer: Answer): string {
  if (answer.type === 'token') return `${answer.late ? 'late ' : ''}${answer.action} ${answer.token}`;
  return answer.type === 'refused' ? answer.reason : answer.type;
}
