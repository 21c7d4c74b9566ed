export { formatAddress, isLoopback, parseAddress, type ListenAddress } from './address.ts';
export { BodyTooLarge, JSON_LIMIT } from './body.ts';
export { Exchange } from './exchange.ts';
export { Router, type Route } from './router.ts';
export { HttpServer, type Handler, type HttpServerOptions, type TlsMaterial } from './server.ts';
export { listen, type ListenOptions } from './listen.ts';
