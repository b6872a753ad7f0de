#include "runtime/audit_verify.h"
