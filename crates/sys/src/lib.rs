//! The only room with unsafe: sockets, socket options, namespaces, interface names.
