#T
@problemName Mine
@timeStamps false
@classLabel true walking running
@data
1,2,3:0.1,0.2,0.3:running
4:-5e-1:walking
