// `nestjs-refresh-token/client/axios`: the client's access tokens for axios.
export { type AxiosLike, interceptAxios } from './axios-interceptor.js';
