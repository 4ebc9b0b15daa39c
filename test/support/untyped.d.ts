declare module 'whatwg-fetch';
declare module 'xmlhttprequest-ssl';
