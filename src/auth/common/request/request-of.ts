import type { ExecutionContext } from '@nestjs/common';
import type { HttpRequest } from './http-request.js';
import { MessageRequest, type OpeningRequest } from './message-request.js';

/** A client of socket.io, or of the package ws after its opening request has been stored. */
interface SocketIoClient {
  readonly handshake?: { readonly auth?: unknown };
  readonly request?: OpeningRequest;
}

/** The context of resolvers: from graphql-ws for subscriptions, or the object that the host builds around a request. */
interface GraphqlContext {
  readonly req?: GraphqlContext | HttpRequest;
  readonly request?: HttpRequest;
  readonly extra?: { readonly request?: OpeningRequest; readonly socket?: object };
  readonly connectionParams?: unknown;
}

/** One request per socket or message, so that guards, decorators and handlers all see the same user. */
const made = new WeakMap<object, MessageRequest>();

/** The request that carries the access token, in any context; `undefined` if there is no such request. */
export function requestOf(context: ExecutionContext): HttpRequest | undefined {
  switch (context.getType<string>()) {
    case 'http':
      return context.switchToHttp().getRequest<HttpRequest>();
    case 'graphql':
      return ofGraphql(context.getArgByIndex<GraphqlContext | undefined>(2));
    case 'ws':
      return ofSocket(context.switchToWs().getClient<SocketIoClient>());
    case 'rpc':
      return ofMessage(context.switchToRpc().getContext<unknown>(), context.switchToRpc().getData());
    default:
      return undefined;
  }
}

/** The socket of a message or a subscription. It stays open after its token has been checked. */
export function socketOf(context: ExecutionContext): object | undefined {
  switch (context.getType<string>()) {
    case 'ws':
      return context.switchToWs().getClient<object>();
    case 'graphql':
      return subscriptionOf(context.getArgByIndex<GraphqlContext | undefined>(2))?.extra?.socket;
    default:
      return undefined;
  }
}

/** Stores the opening request and credentials of a socket that does not keep them itself. */
export function openSocket(socket: object, opening: OpeningRequest, credentials: unknown): HttpRequest {
  return remembered(socket, () => new MessageRequest(opening, credentials));
}

function ofSocket(socket: SocketIoClient): HttpRequest | undefined {
  const { handshake, request } = socket;
  if (!handshake) return made.get(socket);
  return openSocket(socket, request ?? {}, handshake.auth);
}

function ofGraphql(context: GraphqlContext | undefined): HttpRequest | undefined {
  const subscription = subscriptionOf(context);
  const socket = subscription?.extra?.socket;
  if (socket) return openSocket(socket, subscription.extra.request ?? {}, subscription.connectionParams);
  return (context?.req as HttpRequest | undefined) ?? context?.request;
}

function subscriptionOf(context: GraphqlContext | undefined): GraphqlContext | undefined {
  return [context, context?.req as GraphqlContext | undefined].find((candidate) => candidate?.extra?.socket);
}

/** Transports create a context for each message. */
function ofMessage(context: unknown, payload: unknown): HttpRequest | undefined {
  if (typeof context !== 'object' || context === null) return undefined;
  return remembered(context, () => new MessageRequest({}, payload));
}

function remembered(key: object, make: () => MessageRequest): MessageRequest {
  const request = made.get(key) ?? make();
  made.set(key, request);
  return request;
}
