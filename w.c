#include <math.h>
#include <unistd.h>
#include "f2/net1.h"
#include "f2/net12.h"
#include "f2/net3.h"
#include "f2/int5.h"
#include "f2/int7.h"
#include "f2/net2.h"
#include "/tmp/w/e/g2/float16.h"
int main(void){return 0;}
