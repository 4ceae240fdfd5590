/** One process in the foreground, isolated from the system's nginx by `-p` and the pid file. */
const frame = (folder: string, http: string) => `
worker_processes 1;
master_process off;
daemon off;
pid ${folder}/nginx.pid;
error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  keepalive_requests 1000000000;
  ${http}
}
`;

/**
 * The upstream of all proxies: a small JSON response, and home timelines.
 *
 * @param home file of the response to `/posts/home/…`
 */
export const upstreamConfiguration = (folder: string, ports: readonly number[], home: string) =>
  frame(
    folder,
    `server {
      ${ports.map((port) => `listen 127.0.0.1:${port};`).join(' ')}
      # Head and body in one write, as services send them.
      sendfile off;
      output_buffers 1 64k;
      open_file_cache max=10;
      etag off;
      location ~ ^/posts/home/ { default_type application/json; alias ${home}; }
      location = /openapi.json { default_type application/json; return 200 '{"openapi":"3.1.0","info":{"title":"Upstream","version":"0"},"paths":{}}'; }
      location / { default_type application/json; return 200 '{"greeting":"hello from upstream"}'; }
    }`,
  );

/** The fields of our access log that nginx has. */
const LOG_FORMAT = `'{"level":"info","time":"$time_iso8601","method":"$request_method","route":"$uri","status":$status,'
      '"duration_ms":$request_time,"bytes_in":$request_length,"bytes_out":$body_bytes_sent,"client":"$remote_addr",'
      '"request_id":"$request_id","trace_id":"$request_id","instance":"$upstream_addr"}'`;

/**
 * A reverse proxy with the same work per request as ours: persistent upstream connections, the same headers to the
 * instance and to the client, and the same buffered access log line.
 */
export const proxyConfiguration = (folder: string, port: number, upstreams: readonly number[]) =>
  frame(
    folder,
    `log_format whole escape=json ${LOG_FORMAT};
    access_log /dev/null whole buffer=64k flush=1s;
    upstream behind { ${upstreams.map((upstream) => `server 127.0.0.1:${upstream};`).join(' ')} keepalive 128; keepalive_requests 1000000000; }
    server {
      listen 127.0.0.1:${port};
      location / {
        proxy_pass http://behind;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header Forwarded 'for=$remote_addr;host="$http_host";proto=$scheme';
        proxy_set_header X-Request-ID $request_id;
        proxy_set_header traceparent 00-$request_id-00f067aa0ba902b7-01;
        add_header X-Request-ID $request_id always;
        add_header X-Registry-Revision 1 always;
      }
    }`,
  );
