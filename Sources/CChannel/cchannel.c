#include "cchannel.h"
