//! The iptables command line, save files and list layouts: text to model and back.
