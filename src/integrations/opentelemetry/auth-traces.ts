import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import {
  type Context,
  context,
  createContextKey,
  type Link,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { AuthError } from '../../auth/common/errors/auth-error.js';
import { openSpansWith, type SpanAttributes, type SpanOpener } from '../../auth/common/tracing/traced.js';
import { AuthEventBus } from '../../auth/events/auth-event-bus.js';
import type { AuthEvent } from '../../auth/events/auth-event.js';
import { AuthModuleRegistry } from '../../auth/modules/auth-module-registry.js';
import { SCOPE } from './scope.js';

/** Spans that are opened in any case. Others only belong to a span: polls in the background open none. */
const OPERATIONS: ReadonlySet<string> = new Set(['nrt.sign_in', 'nrt.issue', 'nrt.refresh', 'nrt.step_up']);

/** The operations that are under way. Events say what became of them. */
const UNDER_WAY = createContextKey('nrt operations');
/** What the next span is linked to. */
const LINKS = createContextKey('nrt links');

/** Opens spans in the tracer that the host has registered. */
@Injectable()
export class AuthTraces implements SpanOpener, OnModuleInit, OnApplicationShutdown {
  private readonly tracer = trace.getTracer(SCOPE);
  private end: (() => void)[] = [];

  constructor(private readonly modules: AuthModuleRegistry) {}

  onModuleInit(): void {
    const buses = this.modules.all.map(({ service }) => service(AuthEventBus));
    this.end = [openSpansWith(this), ...buses.map((events) => events.subscribe(note))];
  }

  onApplicationShutdown(): void {
    for (const end of this.end) end();
  }

  trace<T>(name: string, work: () => Promise<T>, attributes: SpanAttributes): Promise<T> {
    const active = context.active();
    const links = active.getValue(LINKS) as Link[] | undefined;
    const isOperation = OPERATIONS.has(name);
    if (!isOperation && !links && !trace.getSpan(active)) return work();
    const span = this.tracer.startSpan(name, { attributes, links }, active);
    const inside = trace.setSpan(active.deleteValue(LINKS), span);
    return context.with(isOperation ? withOperation(inside, span) : inside, () => measured(span, work));
  }

  active(): unknown {
    return context.active();
  }

  /** Work for one caller is a part of it. Work for several callers has a trace of its own, with links to all of them. */
  traceShared<T>(callers: readonly unknown[], work: () => Promise<T>): Promise<T> {
    const contexts = callers as readonly Context[];
    if (contexts.length === 1) return context.with(contexts[0], work);
    const links = contexts.flatMap((caller) => {
      const linked = trace.getSpanContext(caller);
      return linked ? [{ context: linked }] : [];
    });
    return context.with(links.length > 0 ? ROOT_CONTEXT.setValue(LINKS, links) : ROOT_CONTEXT, work);
  }
}

function withOperation(inside: Context, span: Span): Context {
  const outer = (inside.getValue(UNDER_WAY) as readonly Span[] | undefined) ?? [];
  return inside.setValue(UNDER_WAY, [...outer, span]);
}

async function measured<T>(span: Span, work: () => Promise<T>): Promise<T> {
  try {
    const result = await work();
    span.setAttribute('nrt.outcome', 'success');
    return result;
  } catch (error) {
    // The message of an error may hold values.
    const code = codeOf(error);
    span.setAttribute('nrt.outcome', code);
    span.setStatus({ code: SpanStatusCode.ERROR, message: code });
    throw error;
  } finally {
    span.end();
  }
}

function codeOf(error: unknown): string {
  return error instanceof AuthError ? error.code : ((error as Error | undefined)?.constructor?.name ?? 'error');
}

/** An event happens in the context of its request. */
function note({ type, sessionId, userId, clientId, generation, reason }: AuthEvent): void {
  for (const span of (context.active().getValue(UNDER_WAY) as readonly Span[] | undefined) ?? []) {
    span.addEvent(`auth.${type}`, reason === undefined ? {} : { 'nrt.reason': reason });
    span.setAttributes({
      ...(sessionId !== undefined && { 'session.id': sessionId }),
      ...(userId !== undefined && { 'user.id': userId }),
      ...(clientId !== undefined && { 'nrt.client.id': clientId }),
      ...(generation !== undefined && { 'nrt.generation': generation }),
      ...(reason !== undefined && { 'nrt.reason': reason }),
    });
  }
}
