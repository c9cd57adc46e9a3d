@classLabel true a
@data
1,?,NaN:2,,3:a
