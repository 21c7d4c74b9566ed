export { type ClientCall, GrpcClient } from './client.ts';
export { type Call, GrpcServer, type Method, streaming, unary } from './server.ts';
export { CODE, type Detail, type Status, StatusError, statusOf, unimplemented } from './status.ts';
