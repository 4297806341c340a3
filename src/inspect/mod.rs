//! One message under inspection: content in, subjects and rule matches out. Shared by the SMTP and (later) the milter door.
