#include "collectors/slurmdb/error.h"

namespace slurmdb {

std::string_view ReasonName(Reason reason) {
  switch (reason) {
    case Reason::kConnect:
      return "connect";
    case Reason::kTimeout:
      return "timeout";
    case Reason::kLost:
      return "lost";
    case Reason::kPrivilege:
      return "privilege";
    case Reason::kSchema:
      return "schema";
    case Reason::kParse:
      return "parse";
    case Reason::kLimit:
      return "limit";
    case Reason::kInternal:
      return "internal";
  }
  return "internal";
}

Reason ReasonOfErrno(unsigned number) {
  switch (number) {
    case 2001:  // CR_SOCKET_CREATE_ERROR
    case 2002:  // CR_CONNECTION_ERROR
    case 2003:  // CR_CONN_HOST_ERROR
    case 2004:  // CR_IPSOCK_ERROR
    case 2005:  // CR_UNKNOWN_HOST
    case 2007:  // CR_VERSION_ERROR
    case 2012:  // CR_SERVER_HANDSHAKE_ERR
    case 2026:  // CR_SSL_CONNECTION_ERROR
    case 1042:  // ER_BAD_HOST_ERROR
    case 1043:  // ER_HANDSHAKE_ERROR
    case 1129:  // ER_HOST_IS_BLOCKED
    case 3159:  // ER_SECURE_TRANSPORT_REQUIRED
      return Reason::kConnect;
    case 1205:  // ER_LOCK_WAIT_TIMEOUT
    case 1317:  // ER_QUERY_INTERRUPTED
    case 1969:  // ER_STATEMENT_TIMEOUT (MariaDB)
    case 3024:  // ER_QUERY_TIMEOUT (MySQL)
      return Reason::kTimeout;
    case 2006:  // CR_SERVER_GONE_ERROR
    case 2013:  // CR_SERVER_LOST
    case 2014:  // CR_COMMANDS_OUT_OF_SYNC
    case 2027:  // CR_MALFORMED_PACKET
    case 2055:  // CR_SERVER_LOST_EXTENDED
    case 1053:  // ER_SERVER_SHUTDOWN
    case 1080:  // ER_FORCING_CLOSE
    case 1152:  // ER_ABORTING_CONNECTION
    case 1158:  // ER_NET_READ_ERROR
    case 1159:  // ER_NET_READ_INTERRUPTED
    case 1160:  // ER_NET_ERROR_ON_WRITE
    case 1161:  // ER_NET_WRITE_INTERRUPTED
    case 1184:  // ER_NEW_ABORTING_CONNECTION
    case 1927:  // ER_CONNECTION_KILLED (MariaDB)
    case 4031:  // ER_CLIENT_INTERACTION_TIMEOUT (MySQL)
      return Reason::kLost;
    case 1044:  // ER_DBACCESS_DENIED_ERROR
    case 1045:  // ER_ACCESS_DENIED_ERROR
    case 1130:  // ER_HOST_NOT_PRIVILEGED
    case 1142:  // ER_TABLEACCESS_DENIED_ERROR
    case 1143:  // ER_COLUMNACCESS_DENIED_ERROR
    case 1227:  // ER_SPECIFIC_ACCESS_DENIED_ERROR
    case 1251:  // ER_NOT_SUPPORTED_AUTH_MODE
    case 1370:  // ER_PROCACCESS_DENIED_ERROR
    case 1698:  // ER_ACCESS_DENIED_NO_PASSWORD_ERROR
    case 1820:  // ER_MUST_CHANGE_PASSWORD
    case 1862:  // ER_MUST_CHANGE_PASSWORD_LOGIN
    case 1873:  // ER_ACCESS_DENIED_CHANGE_USER_ERROR
    case 2059:  // CR_AUTH_PLUGIN_CANNOT_LOAD
    case 2061:  // CR_AUTH_PLUGIN_ERR
    case 3118:  // ER_ACCOUNT_HAS_BEEN_LOCKED (MySQL)
    case 4151:  // ER_ACCOUNT_HAS_BEEN_LOCKED (MariaDB)
      return Reason::kPrivilege;
    case 1049:  // ER_BAD_DB_ERROR
    case 1051:  // ER_BAD_TABLE_ERROR
    case 1054:  // ER_BAD_FIELD_ERROR
    case 1109:  // ER_UNKNOWN_TABLE
    case 1146:  // ER_NO_SUCH_TABLE
    case 1176:  // ER_KEY_DOES_NOT_EXIST
    case 1356:  // ER_VIEW_INVALID
    case 1412:  // ER_TABLE_DEF_CHANGED: altered since our snapshot began
      return Reason::kSchema;
    case 1021:  // ER_DISK_FULL
    case 1028:  // ER_FILSORT_ABORT
    case 1037:  // ER_OUTOFMEMORY
    case 1038:  // ER_OUT_OF_SORTMEMORY
    case 1040:  // ER_CON_COUNT_ERROR
    case 1041:  // ER_OUT_OF_RESOURCES
    case 1114:  // ER_RECORD_FILE_FULL
    case 1135:  // ER_CANT_CREATE_THREAD
    case 1203:  // ER_TOO_MANY_USER_CONNECTIONS
    case 1226:  // ER_USER_LIMIT_REACHED
    case 2008:  // CR_OUT_OF_MEMORY
      return Reason::kLimit;
    default:
      return Reason::kInternal;
  }
}

bool DatabaseError::connection_usable() const {
  const bool clients_own = number_ >= 2000 && number_ < 3000;
  return reason_ != Reason::kConnect && reason_ != Reason::kLost && !clients_own;
}

}  // namespace slurmdb
