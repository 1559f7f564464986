#include "cpythonshim.h"
