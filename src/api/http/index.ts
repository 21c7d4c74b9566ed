export { formatAddress, isLoopback, type ListenAddress, parseAddress } from './address.ts';
export { BodyTooLarge, JSON_LIMIT } from './body.ts';
export { Exchange } from './exchange.ts';
export { type ListenOptions, listen } from './listen.ts';
export { type Route, Router } from './router.ts';
export { type Handler, HttpServer, type HttpServerOptions, type TlsMaterial } from './server.ts';
