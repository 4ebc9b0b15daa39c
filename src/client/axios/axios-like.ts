interface AxiosInterceptorsLike {
  use(fulfilled: never): number;
  eject(id: number): void;
}

/**
 * The parts of an axios instance that `interceptAxios` uses. The client does not depend on axios.
 *
 * @example
 * const api: AxiosLike = axios.create();
 */
export interface AxiosLike {
  defaults: object;
  interceptors: { request: AxiosInterceptorsLike };
  create(): AxiosLike;
  getUri(config: never): string;
  request(config: never): Promise<unknown>;
}
